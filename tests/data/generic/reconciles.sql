{#
  What two systems say of the same day agrees: gives the days on which the differences are more than a share of the amount. Only days that were
  over when both systems were last loaded, so money that is still on its way makes no noise, and a day of which one system sent nothing is a
  difference.

  amount: the column to which the differences are compared.   differences: columns; each counts whatever its sign.   tolerance: a share.
  loaded_by: names of the sources.
#}
{% test reconciles(model, amount, differences, tolerance, loaded_by) %}
    with

    loaded as (

        {%- for source_name in loaded_by %}
        {{ 'union all' if not loop.first }}
        select ({{ last_loaded_at(source(source_name, '_dlt_loads')) }}) as loaded_at
        {%- endfor %}

    ),

    differing as (

        select
            date,
            {{ amount }} as amount,
            {% for column in differences -%} abs({{ column }}){{ ' + ' if not loop.last }} {%- endfor %} as difference
        from {{ model }}
        where date < (select min({{ business_date('loaded.loaded_at') }}) from loaded)

    )

    select
        date,
        amount,
        difference,
        cast(date as {{ dbt.type_string() }}) || ': ' || cast(difference as {{ dbt.type_string() }}) || ' of '
        || cast(amount as {{ dbt.type_string() }}) || ' does not agree, more than the share of {{ tolerance }}' as reason
    from differing
    where difference > abs(amount) * {{ tolerance }}
{% endtest %}
