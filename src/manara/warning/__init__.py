"""Who is in danger, where, when, how sure: dangers for rule 0, drafts for our own people."""
