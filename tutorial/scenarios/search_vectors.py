"""Full-text search: keep a search vector up to date

The search finds no article that was changed with the bulk editor. Its words are in a column that
`save()` fills, and the bulk editor uses `update()`.

Computing the words in each search gives the right result, but reads the whole table: an index needs
a column.

`pgtrigger.UpdateSearchVector` fills a `SearchVectorField` from the fields in `document_fields`, in
a *before* trigger, so there is no second write. `config_name` is the language: `pg_catalog.english`
knows that "hens" is the plural of "hen".

Add a `GinIndex` on the column in your own project. If the language is the same for all rows, a
`GeneratedField` does the same without a trigger.

## What it does not stop

- Words of other tables, such as the author's name. It reads only columns of the row itself.
- `ignore()`: a write inside it leaves the words as they were.
"""

from tutorial.models import Article


def run():
    from django.contrib.postgres.search import SearchQuery

    def found(word):
        query = SearchQuery(word, config='english')
        return list(Article.objects.filter(words=query).values_list('title', flat=True))

    Article.objects.bulk_create([
        Article(title='Garden', text='Three hens live in it.'),
        Article(title='Kitchen', text='We eat eggs.'),
    ])
    print('hen:', found('hen'))
    print('egg:', found('egg'))

    # update() sends no words, and the trigger makes them
    Article.objects.filter(title='Kitchen').update(text='A hen came in.')
    print('hen:', found('hen'))
    print('egg:', found('egg'))
