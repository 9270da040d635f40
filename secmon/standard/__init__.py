"""What DB33/T 830-2011 fixes, as tables with a clause in each row, and the rules made of it."""
