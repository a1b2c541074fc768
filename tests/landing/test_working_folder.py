"""The warehouse is the truth: when it or dlt's working folder is lost, restored or broken, the next run lands what is missing."""

import shutil

import pytest
from support.landing import assert_raw_is_the_shop, on, source_rows


def test_a_warehouse_that_was_deleted_or_restored_is_filled_again(landing, shop):
    landing.load("shop")
    shutil.copy(landing.path, landing.folder / "backup.duckdb")
    landing.path.unlink()
    assert landing.load("shop")["orders"] == len(source_rows(shop, "orders", "id"))
    assert_raw_is_the_shop(landing, shop)
    shop.execute("update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id = 5")
    landing.load("shop")
    shutil.copy(landing.folder / "backup.duckdb", landing.path)
    assert landing.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(landing, shop)


@on("postgres")
def test_a_raw_schema_that_was_dropped_is_filled_again(landing, engine):
    first = landing.load("payments")
    landing.server.execute("drop schema raw_payments cascade")
    assert landing.load("payments") == first


@pytest.mark.sampled(test=2)
@pytest.mark.parametrize("broken", ["load/normalized", "load", "normalize", "state.json"])
def test_a_broken_working_folder_is_rebuilt(landing, shop, broken):
    """A kill can fall on dlt wiping its folder, and then every later run would fail on what is left of it."""
    landing.load("shop")
    piece = landing.folder / "pipelines" / "dev" / "shop" / broken
    if piece.is_dir():
        shutil.rmtree(piece)
    else:
        assert piece.exists()
        piece.write_text("")
    assert landing.load("shop") == {}
    assert_raw_is_the_shop(landing, shop)


def test_two_targets_of_one_warehouse_share_what_was_read(landing):
    profile = landing.folder / "profiles" / "profiles.yml"
    alice = "    alice: {type: duckdb, path: \"{{ env_var('WAREHOUSE_PATH') }}\", schema: alice}\n"
    profile.write_text(profile.read_text() + alice)
    landing.load("supplier")
    assert landing.load("supplier", target="alice") == {}
