-- The supplier does not send when a product changed: every file is the whole catalogue of a day.
-- So a version of a listing begins with the first file of an unbroken run of files in which it is the same, and another one,
-- not listed, with the first file without it.
with

source as (

    select * from {{ source('supplier', 'catalogue') }}
    where {{ in_complete_load('supplier') }}

),

category_spellings as (

    select * from {{ ref('category_spellings') }}

),

-- Of a file that the supplier corrected and sent again, the last version counts.
files as (

    select
        file_date,
        max({{ text_order('_dlt_load_id') }}) as _dlt_load_id
    from source
    group by file_date

),

ordered_files as (

    select
        *,
        lag(file_date) over (order by file_date) as previous_file_date,
        lead(file_date) over (order by file_date) as next_file_date,
        lag(_dlt_load_id) over (order by file_date) as previous_load_id,
        lead(_dlt_load_id) over (order by file_date) as next_load_id
    from files

),

listings as (

    select
        source.*,
        ordered_files.previous_file_date,
        ordered_files.next_file_date,
        ordered_files.previous_load_id,
        ordered_files.next_load_id,
        -- The file's own delimiter: no field can hold it.
        coalesce(source.product_name, '')
        || '|' || coalesce(source.brand, '')
        || '|' || coalesce(source.category, '')
        || '|' || coalesce(source.unit_cost, '')
        || '|' || coalesce(source.pack_size, '') as content,
        row_number() over (
            partition by source.sku, source.file_date order by source.line_number desc
        ) as listing_rank
    from source
    inner join ordered_files
        on source.file_date = ordered_files.file_date
        and source._dlt_load_id = ordered_files._dlt_load_id

),

compared as (

    select
        *,
        lag(file_date) over (partition by sku order by file_date) as previous_listing_date,
        lag(content) over (partition by sku order by file_date) as previous_content,
        lead(file_date) over (partition by sku order by file_date) as next_listing_date
    from listings
    where listing_rank = 1

),

-- Two files show when a version began, so the later load of the two counts: a file that is corrected, or arrives late, is then seen
-- in every version whose beginning it moves (`changed_members`).
changes as (

    select
        *,
        file_date as changed_on,
        true as is_listed,
        greatest({{ text_order('_dlt_load_id') }}, {{ text_order('coalesce(previous_load_id, _dlt_load_id)') }}) as told_by_load_id
    from compared
    where
        previous_listing_date is null
        or previous_listing_date <> previous_file_date
        or previous_content <> content
    union all
    select
        *,
        next_file_date as changed_on,
        false as is_listed,
        greatest({{ text_order('_dlt_load_id') }}, {{ text_order('next_load_id') }}) as told_by_load_id
    from compared
    where next_file_date is not null and (next_listing_date is null or next_listing_date <> next_file_date)

),

dated as (

    select
        *,
        {{ business_midnight('changed_on') }} as changed_at,
        lag(changed_on) over (partition by sku order by changed_on) is null as is_first,
        lead(changed_on) over (partition by sku order by changed_on) as next_changed_on
    from changes

),

cleaned as (

    select
        -- keys
        dated.sku,

        -- attributes
        {{ clean_text('dated.product_name') }} as product_name,
        {{ clean_text('dated.brand') }} as brand,
        {{ clean_text('dated.category') }} as category_as_written,
        category_spellings.category,
        cast({{ safe_integer(clean_text('dated.pack_size'), digits=9) }} as integer) as pack_size,
        dated.is_listed,

        -- measures
        {{ safe_decimal(clean_text('dated.unit_cost'), 12, 2) }} as unit_cost,

        -- times
        dated.changed_on,
        dated.changed_at,
        case when dated.is_first then {{ beginning_of_time() }} else dated.changed_at end as valid_from,
        coalesce({{ business_midnight('dated.next_changed_on') }}, {{ end_of_time() }}) as valid_to,

        -- lineage
        dated.told_by_load_id as _dlt_load_id
    from dated
    left join category_spellings
        on {{ lower_text(clean_text('dated.category')) }} = category_spellings.spelling

)

select * from cleaned
