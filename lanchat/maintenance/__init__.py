"""Long work on the database: retention, erasure, backup, restore, and salvage of a damaged one."""
