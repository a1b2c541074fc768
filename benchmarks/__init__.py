"""Measures Waterworks against bare SQL and against itself: `make bench` writes docs/benchmarks.md.

__main__  the command, and the page        landing  2 million rows from PostgreSQL
measure   processes, medians, the machine  growth   a day's run, as the history grows
places    scratch warehouses               idle     `dbt build` with nothing new
measured  what runs in measured processes  main_job `make run`
"""
