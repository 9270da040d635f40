"""Who answers, and who is compared: each a process of its own."""
