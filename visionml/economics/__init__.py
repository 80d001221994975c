"""What load asks of capacity, and what a month costs: queues, concurrency, prices, quotas."""
