"""Write a report in the formats of others: tidy tables, the SCI report of the Green Software Foundation, BoAmps, paper."""
