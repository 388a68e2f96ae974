-- Each statement selects what must not be there, one text a row. Psql runs this file as it is.

-- Each order was written whole: paid, with two lines of quantity 2
select format('order %s is %s and has %s lines with %s', o.id, o.status, count(l.id), sum(l.quantity))
from ledger_order o left join ledger_line l on l.order_id = o.id
group by o.id
having (o.status, count(l.id), sum(l.quantity)) is distinct from ('paid', 2, 4);

-- Each order has the event of its insertion and one of its payment, and no other
select format('order %s has the events %s', o.id, string_agg(e.pgh_label, ' ' order by e.pgh_id))
from ledger_order o left join ledger_orderevent e on e.pgh_obj_id = o.id
group by o.id
having string_agg(e.pgh_label || ' ' || e.status, ', ' order by e.pgh_id)
    is distinct from 'insert draft, update paid';

-- Each order's lines have three insertions, three updates and a deletion
select format('the lines of order %s have %s', o.id, string_agg(e.pgh_label, ' ' order by e.pgh_id))
from ledger_order o left join ledger_lineevent e on e.order_id = o.id
group by o.id
having (count(*) filter (where e.pgh_label = 'insert'),
        count(*) filter (where e.pgh_label = 'update'),
        count(*) filter (where e.pgh_label = 'delete'),
        count(*)) is distinct from (3, 3, 1, 7);

-- Nothing was invented: each event belongs to an order
select format('event %s of order %s, which is not there', e.pgh_id, e.pgh_obj_id)
from ledger_orderevent e left join ledger_order o on o.id = e.pgh_obj_id
where o.id is null
union all
select format('event %s of a line of order %s, which is not there', e.pgh_id, e.order_id)
from ledger_lineevent e left join ledger_order o on o.id = e.order_id
where o.id is null;

-- Each row is what its last event says
select format('line %s has the quantity %s, its last event %s', l.id, l.quantity, e.quantity)
from ledger_line l
left join lateral (
    select quantity, pgh_label from ledger_lineevent where pgh_obj_id = l.id
    order by pgh_id desc limit 1
) e on true
where l.quantity is distinct from e.quantity or e.pgh_label is not distinct from 'delete';

-- Each event has the context of the step that wrote it
select format('event %s of order %s has the context %s', e.pgh_id, e.pgh_obj_id, c.metadata)
from ledger_orderevent e left join pghistory_context c on c.id = e.pgh_context_id
where (c.metadata ->> 'writer', c.metadata ->> 'step') is distinct from (e.writer::text, e.step::text)
union all
select format('event %s of a line of order %s has the context %s', e.pgh_id, e.order_id, c.metadata)
from ledger_lineevent e
join ledger_order o on o.id = e.order_id
left join pghistory_context c on c.id = e.pgh_context_id
where (c.metadata ->> 'writer', c.metadata ->> 'step') is distinct from (o.writer::text, o.step::text);

-- Each context row was written once, by a step that has an order
select format('context %s of a step without an order', c.metadata)
from pghistory_context c
left join ledger_order o
    on o.writer::text = c.metadata ->> 'writer' and o.step::text = c.metadata ->> 'step'
where o.id is null
union all
select format('%s contexts for %s', count(*), metadata)
from pghistory_context group by metadata having count(*) > 1;

-- Each account counts its orders, and has as many seats as it may have
select format('account %s counts %s orders of %s', a.id, a.orders_count, count(o.id))
from ledger_account a left join ledger_order o on o.account_id = a.id
group by a.id having a.orders_count <> count(o.id)
union all
select format('account %s has %s seats', account_id, count(*))
from ledger_seat group by account_id having count(*) > 20;
