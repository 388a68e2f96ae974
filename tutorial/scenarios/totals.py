"""Denormalized counters and totals

A post shows "3 comments", but it has four. It would be slow to count the comments of each post in a
list, so the number is stored in the post. Some code added a comment and did not change the number.

`post.comment_count += 1` loses a count if two requests do it at the same time. `F()` solves that.
But the number also changes if comments are deleted by a cascade, inserted in bulk, moved to another
post or made public. It is easy to forget one of these.

`pgtrigger.Count('post.comment_count')` stores the number of comments in the post, and
`pgtrigger.Sum('post.likes', of='likes')` stores the sum of a field. Both do it in the same
transaction as the write. With `where`, they count only rows that meet the condition: if a comment
is hidden, the number becomes lower.

The triggers are statement-level: a statement that writes a thousand comments updates each post
once. Posts are locked in the order of their keys, so two statements cannot deadlock.

## What it does not stop

- Wrong numbers from before the rule. `manage.py pgtrigger recount` corrects them, and
  `recount --check` only shows them.
- A number that is set by hand, as in `Post.objects.update(comment_count=7)`. Only forms show the
  field as read-only.
- Waiting. Transactions that write comments of the same post wait for each other, because each
  updates the post.
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

    # Add likes in one post, hide the comments of the other
    Comment.objects.filter(post=second).update(likes=5)
    Comment.objects.filter(post=first).update(is_public=False)
    show('liked and hidden:')

    Comment.objects.all().delete()
    show('deleted:')
