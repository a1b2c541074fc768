"""What happens to every batch, whatever it comes from: contract, drift, changes, quarantine, read log, dlt."""
