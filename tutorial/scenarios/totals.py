"""Denormalized counters and totals

A post shows "3 comments", and there are four. Counting all comments for each post of a list is
slow, so the number is stored in the post, and somewhere a comment was written without counting it.

`post.comment_count += 1` loses a count if two requests do it at the same time. `F()` solves
that, but a deletion by cascade, a comment that moves to another post, a bulk insert and a comment
that becomes public also change the number, and one of them is forgotten.

`pgtrigger.Count('post.comment_count')` keeps the number of comments, and
`pgtrigger.Sum('post.likes', of='likes')` the sum of a field, in the same transaction as the write.
With `where`, only rows that meet the condition are counted: hiding a comment lowers the number.

The triggers are at statement level. A statement that writes a thousand comments updates each post
once. Posts are updated in the order of their keys, so two statements cannot wait for each other.

## What it does not stop

- Rows from before the rule are not counted. `manage.py pgtrigger recount` corrects the numbers, and
  `--check` only compares.
- A number that is set by hand, as in `Post.objects.update(comment_count=7)`. Forms show the field
  as read-only.
- Many writers of one post wait for each other, because each has to update it.
"""

from tutorial.models import Comment, Post


def run() -> None:
    first = Post.objects.create(title='First')
    second = Post.objects.create(title='Second')

    def show(what):
        numbers = Post.objects.order_by('pk').values_list('comment_count', 'likes')
        print(what, list(numbers))

    # One statement, a hundred comments, one update of the post
    Comment.objects.bulk_create(Comment(post=first, text='me too', likes=1) for _ in range(100))
    show('a hundred comments:')

    # Ten comments move to the other post
    moved = Comment.objects.order_by('pk').values_list('pk', flat=True)[:10]
    Comment.objects.filter(pk__in=list(moved)).update(post=second)
    show('ten moved:')

    # Likes are added, and comments hidden
    Comment.objects.filter(post=second).update(likes=5)
    Comment.objects.filter(post=first).update(is_public=False)
    show('liked and hidden:')

    Comment.objects.all().delete()
    show('deleted:')
