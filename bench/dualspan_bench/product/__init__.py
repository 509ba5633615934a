"""The product as its users run it: every service a process, talked to through its contracts."""
