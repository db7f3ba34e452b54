"""The words of all facts: values with their places, addresses, accounts, access."""
