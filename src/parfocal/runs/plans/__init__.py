"""What a plan asks for: sequences, waits, questions, joined; as frozen data, in files, event by event."""
