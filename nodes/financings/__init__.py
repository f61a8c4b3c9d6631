"""A bank's financings: applying, reviewing, paying out, repaying and collecting, in money, on shares that always cover it."""
