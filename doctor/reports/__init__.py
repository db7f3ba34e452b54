"""The report and the forms it is given in: text, one line a finding, JSON."""
