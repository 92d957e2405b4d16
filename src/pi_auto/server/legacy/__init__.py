"""Legacy mode: the shipped old clients, without a key, on listed networks, for a time, after an operator's yes."""
