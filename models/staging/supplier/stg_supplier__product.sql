-- The supplier says nothing of when a product changed: every file is the whole catalogue of a day.
-- So a product's last change is the first file of the unbroken run of files that say the same of it.
with

source as (

    select * from {{ source('supplier', 'catalogue') }}
    where {{ in_complete_load('supplier') }}

),

category_spellings as (

    select * from {{ ref('category_spellings') }}

),

-- A file that the supplier mended and sent again counts as it came last.
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
        lead(file_date) over (order by file_date) as next_file_date
    from files

),

listings as (

    select
        source.*,
        ordered_files.previous_file_date,
        ordered_files.next_file_date,
        -- The file's own delimiter: it can't stand in a field.
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
        row_number() over (partition by sku order by file_date desc) as recency
    from listings
    where listing_rank = 1

),

-- By a window, not by a join with the changes: PostgreSQL takes the last listings for a few rows, and would look through all
-- listings for each of them.
dated as (

    select
        *,
        max(
            case
                when
                    previous_listing_date is null
                    or previous_listing_date <> previous_file_date
                    or previous_content <> content
                    then file_date
            end
        ) over (partition by sku) as changed_on
    from compared

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
        dated.next_file_date is null as is_listed,

        -- measures
        {{ safe_decimal(clean_text('dated.unit_cost'), 12, 2) }} as unit_cost,

        -- times
        dated.changed_on,
        dated.next_file_date as delisted_on,
        {{ business_midnight('coalesce(dated.next_file_date, dated.changed_on)') }} as changed_at,

        -- lineage
        dated._dlt_load_id
    from dated
    left join category_spellings
        on {{ lower_text(clean_text('dated.category')) }} = category_spellings.spelling
    where dated.recency = 1

)

select * from cleaned
