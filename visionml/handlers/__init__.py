"""One Lambda function per file: parse the event, make one call, answer a record."""
