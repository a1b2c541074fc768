{#
  What a run means for readers, as a dictionary of `outcome` and `reason`; none when it built nothing that is published. When it is published, also
  `data_status`, the query of that model as the run compiled it, and `warnings`, of `publication_warnings`.
    published  it built all published models with all that is upstream of them, and every test on any of these passed or warned
    failed     it was to do all that, but something failed; the reason names it
    partial    it was to do less (`dbt run`, `--select`, `--empty`, `--sample`): it is unknown whether what it built fits the rest

  results: of dbt.   models: of `published_models`.
#}
{% macro publication_outcome(results, models) -%}
    {%- set concerned = {} -%}
    {%- for model in models -%}
        {%- do concerned.update({model.unique_id: true}) -%}
        {%- for parent in model.upstream -%}
            {%- do concerned.update({parent: true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {#- Ephemeral models are part of other models' queries: dbt has no result for them. -#}
    {%- set needed = [] -%}
    {%- for node in graph.nodes.values() -%}
        {%- if node.resource_type == 'test' and node.depends_on.nodes | select('in', concerned) | list -%}
            {%- do needed.append(node.unique_id) -%}
        {%- elif node.unique_id in concerned and node.config.materialized != 'ephemeral' or node.config.materialized == 'published_view' -%}
            {%- do needed.append(node.unique_id) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set passed, failed, built, status_queries = {}, [], [], [] -%}
    {%- set published = models | map(attribute='unique_id') | list -%}
    {%- for result in results -%}
        {%- set id, status = result.node.unique_id, result.status | string -%}
        {%- if status in ('success', 'pass', 'warn') -%}
            {%- do passed.update({id: true}) -%}
            {%- if result.node.config.materialized == 'published_view' -%}
                {%- do status_queries.append(result.node.compiled_code) -%}
            {%- endif -%}
            {%- if id in published -%}
                {%- do built.append(id) -%}
            {%- endif -%}
        {%- elif status not in ('skipped', 'no-op') and (id in needed or result.node.resource_type == 'unit_test' and result.node.depends_on.nodes | select('in', concerned) | list) -%}
            {%- do failed.append(result) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set left_out = needed | reject('in', selected_resources) | list -%}
    {%- set missing = needed | reject('in', passed) | list -%}
    {%- if flags.EMPTY or flags.SAMPLE or left_out -%}
        {%- if built -%}
            {%- set reason = (left_out | length) ~ ' of ' ~ (needed | length) ~ ' models and tests were left out' if left_out else 'built without all rows' -%}
            {{ return({'outcome': 'partial', 'reason': reason}) }}
        {%- endif -%}
    {%- elif missing -%}
        {{ return({'outcome': 'failed', 'reason': failure_reason(failed, missing)}) }}
    {%- else -%}
        {{ return({
            'outcome': 'published', 'reason': none, 'data_status': status_queries[0], 'warnings': publication_warnings(results, models)
        }) }}
    {%- endif -%}
{%- endmacro %}

{# The tests that warned, for each model that they are on, or whose ancestor: a list of dictionaries of `model` and `warning`. #}
{% macro publication_warnings(results, models) -%}
    {%- set warnings = [] -%}
    {%- for result in results if result.status == 'warn' -%}
        {%- for model in models if result.node.depends_on.nodes | select('in', model.upstream + [model.unique_id]) | list -%}
            {%- do warnings.append({'model': model.name, 'warning': result.node.name ~ ' (' ~ result.failures ~ ')'}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(warnings) }}
{%- endmacro %}

{#
  Why a run failed, for readers: the reason of a test on a source or of a reconciliation (column `reason` of its rows), the names of everything
  else, with the `advice` of its `meta`. No message of the database, which may quote personal data.
#}
{% macro failure_reason(failed, missing) -%}
    {%- set reasons = [] -%}
    {%- for result in failed -%}
        {%- if result.node.test_metadata and result.node.test_metadata.name in ('last_read_is_complete', 'quarantine_share', 'reconciles') and result.status == 'fail' -%}
            {%- for row in run_query(result.node.compiled_code).rows -%}
                {%- do reasons.append(row['reason']) -%}
            {%- endfor -%}
        {%- else -%}
            {%- set advice = result.node.config.meta.get('advice') -%}
            {%- do reasons.append(result.node.name ~ (' (' ~ advice ~ ')' if advice else '')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not reasons -%}
        {%- do reasons.append((missing | length) ~ ' models and tests did not run') -%}
    {%- endif -%}
    {{ return(reasons[:5] | join('; ') ~ (' and ' ~ (reasons | length - 5) ~ ' more' if reasons | length > 5 else '')) }}
{%- endmacro %}
