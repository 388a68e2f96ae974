"""Query tables at a point in time

The report says that last month's revenue was 12, and today it says 27. Nobody has changed a sale.
The price of the product has changed since, and the report multiplies old quantities by it.

Copying the price into each sale helps for the price, and not for the next report. `valid_from`
columns have to be written and asked for in every query.

The events of tracked tables say what each row was at any time. Inside `with pghistory.as_of(time)`,
*every* query reads the tables as they were: joins, relations, aggregates and raw SQL. The query is
the same as today's.

For each tracked table, `migrate` makes a view over its events. The block puts these views before
the tables, for the transaction only.

## What it does not stop

- Writing is refused inside the block, with `PastError`. So is reading a table that is not tracked,
  unless you write `as_of(time, untracked='today')`.
- Times before tracking began are refused. The next chapter is about rows that are older.
- SQL that names the schema, such as `public.tutorial_sale`, reads the table of today.
"""

from tutorial.models import Product, Sale


def run():
    import pghistory
    from django.db.models import F, Sum

    def revenue():
        amount = F('quantity') * F('product__price')
        return Sale.objects.aggregate(total=Sum(amount))['total']

    tea = Product.objects.create(name='Tea', price=4)
    sale = Sale.objects.create(product=tea, quantity=3)
    last_month = sale.events.get().pgh_created_at

    # Since then, the price went up
    tea.price = 9
    tea.save()

    print('today:', revenue())
    with pghistory.as_of(last_month):
        print('last month:', revenue())
        print('it did cost', Sale.objects.get().product.price)

    # The past cannot be written
    try:
        with pghistory.as_of(last_month):
            Product.objects.update(price=1)
    except pghistory.PastError as error:
        print(type(error).__name__, 'and the price is', Product.objects.get().price)

    # One table, and one object
    print(Product.history.as_of(last_month).values_list('price', flat=True).get())
    print(pghistory.as_of(tea, last_month).price)
