"""The budgets of the memory, measured in one run beside other memories: `make bench`."""
