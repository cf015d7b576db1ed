"""Many servers as one: who is there, who is woken when there is work, who does what only one may do.

The truth stays in the tables of `jobs`; what is here only says that they are worth a look. One server alone
imports nothing of it. `docs/decisions/0022-cluster.md` says why it is like this.
"""
