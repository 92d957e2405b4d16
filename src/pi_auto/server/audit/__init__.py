"""Who decided what about the fleet, and when: rows that are added together with what they tell of, and kept."""
