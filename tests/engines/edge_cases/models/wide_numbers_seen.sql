{{ config(enabled=not var('stand_in', false)) }}

select
    case_name,
    {{ safe_decimal('written', 38, 9) }} as as_widest
from {{ ref('wide_numbers') }}
