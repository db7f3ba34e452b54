"""What a fix comes to: from its actions to changes of texts, operations and a preview of both. Nothing here writes."""
