"""What load asks of capacity: queues, concurrency and the time that a burst takes."""
