"""The places that `make mutate` breaks, one at a time, and for each the test of `make test` that must notice.

A mutant replaces one piece of text, which its file holds exactly once. `promise` is the number of the promise in docs/testing.md.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One break: where, what, and which promise and test it is about."""

    name: str
    promise: int
    file: str
    old: str
    new: str
    test: str  # node id, or node ids separated by spaces; parameters left out run all of the tier


HISTORY, FACTS = "tests/models/test_generated_histories.py", "tests/models/test_rebuilt_history.py"
SETTINGS = "tests/models/test_settings.py"
PUBLISHING = "tests/publishing/test_publication.py"
PERSONAL, PLAUSIBLE = "tests/publishing/test_personal_data.py", "tests/publishing/test_plausible_but_wrong.py"

MUTANTS = (
    # 1. Raw is kept
    Mutant(
        "wrong types go to quarantine as null", 1, "ingestion/landing/json_records/contract.py",
        'f"when not {fits(text, kind)} then {that} end"', 'f"end"',
        "tests/landing/test_api_contract.py::test_a_record_that_breaks_the_contract_goes_to_quarantine_whole_and_the_others_land",
    ),
    Mutant(
        "numbers lose digits", 1, "ingestion/exact_json.py",
        "return simplejson.loads(text, use_decimal=True,", "return simplejson.loads(text, use_decimal=False,",
        "tests/landing/test_payments_api.py::test_numbers_keep_their_digits",
    ),
    # 2. Again is the same
    Mutant(
        "loads that died are read", 2, "macros/raw/in_complete_load.sql",
        "_dlt_load_id in ({{ complete_loads(source(source_name, '_dlt_loads')) }})", "_dlt_load_id is not null",
        f"{HISTORY}::test_history_follows_the_rule_after_every_run",
    ),
    Mutant(
        "versions are not deduplicated", 2, "macros/raw/deduplicate_versions.sql",
        "where copy_number = 1", "where copy_number >= 1", f"{HISTORY}::test_no_version_is_there_twice",
    ),
    Mutant(
        "a killed load is loaded again", 2, "ingestion/landing/pipeline.py",
        'if any(state != "new_jobs" or file_format == "model" for state, file_format in jobs):', "if False:",
        "tests/chaos/test_killed_landing.py::test_killed_in_the_first_load tests/chaos/test_killed_landing.py::test_killed_in_later_loads",
    ),
    Mutant(
        "the look-back lands records again", 2, "ingestion/landing/comparison.py",
        "over in_order is null then {IS_HELD} else", "over in_order is null then false else",
        "tests/landing/test_payments_api.py::test_only_changed_records_travel_and_each_lands_once",
    ),
    Mutant(
        "dates of two time zones in a fact", 2, "macros/build/should_full_refresh.sql",
        "{{ return(built_with(this).get(relation_name(this)) != project_variables()) }}", "{{ return(false) }}",
        f"{SETTINGS}::test_facts_are_rebuilt_with_another_time_zone",
    ),
    Mutant(
        "a killed build counts as complete", 2, "macros/build/check_variables.sql",
        "{%- do mark_variables(marked) -%}", "", f"{SETTINGS}::test_a_build_that_was_killed_amid_leaves_no_rows_of_two_zones",
    ),
    # 3. Nothing is lost
    Mutant(
        "the cursor moves before the load", 3, "ingestion/dlt_internals/pipeline.py",
        "    pipeline = pipeline.drop()\n    pipeline.sync_destination()\n", "",
        "tests/chaos/test_killed_landing.py tests/landing/test_working_folder.py",
    ),
    Mutant(
        "no look-back for late commits", 3, "ingestion/connectors/postgres.py",
        "interval '{self.lookback.total_seconds():.0f} seconds'\"", "interval '0 seconds'\"",
        "tests/landing/test_changes.py::test_rows_that_commit_late_land",
    ),
    Mutant(
        "deleted rows are not looked for", 3, "ingestion/landing/typed_rows/keys.py",
        '(("deleted", "live", "now"), ("missing", "now", "live"))', '(("deleted", "now", "now"), ("missing", "now", "live"))',
        "tests/landing/test_changes.py::test_deleted_rows_are_marked_once_and_can_return",
    ),
    # 4. Sources may change
    Mutant(
        "a source that lost most rows is believed", 4, "ingestion/landing/typed_rows/keys.py",
        "if shrunk and not info.options.allow_deletes:", "if False:",
        "tests/landing/test_changes.py::test_a_table_that_lost_many_rows_deletes_nothing_until_it_is_allowed",
    ),
    Mutant(
        "a truncated file is landed", 4, "ingestion/landing/text_lines/table.py",
        "if has_shrunk(lines, before, self._table.min_retained_share):", "if False:",
        "tests/landing/test_file_contract.py::test_a_file_that_breaks_the_contract_stops_the_table_and_the_other_files_land",
    ),
    Mutant(
        "an answer without records is an empty one", 4, "ingestion/connectors/rest_api.py",
        "if not found or not isinstance(found[0], list):", "if False:",
        "tests/landing/test_api_pages.py::test_an_answer_that_is_no_page_stops_its_table_and_no_other",
    ),
    Mutant(
        "sold and paid are not compared", 4, "tests/data/generic/reconciles.sql",
        "where difference > abs(amount) * {{ tolerance }}", "where false",
        f"{PLAUSIBLE}::test_amounts_that_do_not_reconcile_are_not_published",
    ),
    Mutant(
        "money in quarantine is not seen", 4, "macros/publishing/quarantined.sql",
        " or amount_in_quarantine > max_amount", "", f"{PLAUSIBLE}::test_readers_see_what_is_in_quarantine",
    ),
    # 5. History is true
    Mutant(
        "the first version does not reach back", 5, "macros/history/history.sql",
        "lag(effective_at) over (partition by {{ id }} order by effective_at) is null then {{ beginning_of_time() }}",
        "lag(effective_at) over (partition by {{ id }} order by effective_at) is null then effective_at",
        f"{HISTORY}::test_history_follows_the_rule_after_every_run",
    ),
    Mutant(
        "late versions do not change history", 5, "macros/history/changed_members.sql",
        "where known.history_fingerprint is distinct from latest.history_fingerprint", "where known.history_fingerprint is null",
        f"{HISTORY}::test_history_follows_the_rule_after_every_run",
    ),
    # 6. Facts know their time
    Mutant(
        "<= for < in valid_at", 6, "macros/facts/valid_at.sql",
        "{{ fact }}.{{ occurred_at }} < {{ dimension }}.valid_to", "{{ fact }}.{{ occurred_at }} <= {{ dimension }}.valid_to",
        f"{FACTS}::test_facts_are_the_same_on_time_late_or_shuffled {FACTS}::test_facts_find_the_version_that_was_valid",
    ),
    Mutant(
        "facts keep the unknown member", 6, "macros/facts/fact_rows.sql",
        "{%- do compared.append(entity ~ '_key') -%}", "",
        f"{FACTS}::test_a_rebuild_from_raw_gives_the_same_table tests/models/test_late_versions.py",
    ),
    # 7. One set of models, every engine
    Mutant(
        "PostgreSQL's quotient is cut off", 7, "macros/types/divide.sql",
        "div(2 * {{ n }} * {{ 10 ** scale }} + sign({{ n }}) * abs({{ d }}), 2 * nullif({{ d }}, 0))",
        "div({{ n }} * {{ 10 ** scale }}, nullif({{ d }}, 0))",
        "tests/models/test_edge_cases.py",
    ),
    # 8. Any interval can be refilled
    Mutant(
        "a backfill moves the cursor", 8, "ingestion/landing/typed_rows/cursor.py",
        'if not info.options.is_interval:\n            remembered["types"]', 'if True:\n            remembered["types"]',
        "tests/landing/test_changes.py::test_an_interval_is_read_again_and_the_cursor_stays",
    ),
    # 9. Only audited data is published
    Mutant(
        "tests do not count for publishing", 9, "macros/publishing/publication_outcome.sql",
        "{%- if node.resource_type == 'test' and node.depends_on", "{%- if node.resource_type == 'nothing' and node.depends_on",
        f"{PUBLISHING}::test_readers_see_only_states_that_passed",
    ),
    Mutant(
        "publishing is no transaction", 9, "macros/publishing/publish.sql",
        "{% macro default__publish(publication) -%}\n    begin;", "{% macro default__publish(publication) -%}\n",
        f"{PUBLISHING}::test_readers_see_only_states_that_passed",
    ),
    Mutant(
        "readers see no warnings", 9, "macros/publishing/publication_outcome.sql",
        "for result in results if result.status == 'warn'", "for result in results if result.status == 'nothing'",
        f"{PLAUSIBLE}::test_readers_see_a_test_that_warns",
    ),
    # 10. Personal data and secrets stay where they belong
    Mutant(
        "secrets are not taken out of errors", 10, "ingestion/errors.py",
        r"""text = re.sub(r"(://[^:/@\s]*:)[^/\s]*@", r"\1***@", text)""", "text = str(text)",
        "tests/unit/test_ingest_command.py",
    ),
    Mutant(
        "personal data are published", 10, "macros/publishing/personal_data.sql",
        "{%- if not model.personal -%}", "{%- if true -%}", f"{PERSONAL}::test_personal_data_are_masked",
    ),
    Mutant(
        "everybody can open the warehouse", 10, "ingestion/warehouses/duckdb/file.py",
        "file.chmod(mode & OWNER_ONLY)", "pass", f"{PERSONAL}::test_the_warehouse_is_its_owners_alone",
    ),
)  # fmt: skip
