"""Customs declarations: reading the files that customs and its clients write, and the one form that this registry keeps of them.

codes        currencies and countries, old and new
columns      the elements of a message and the columns of a spreadsheet, defined once
results      what a reader yields: a declaration, or a refusal with its code
declaration  the declaration as it is registered, and its sealed form
normalise    from text as written to a declaration, or a refusal
xml_reader   DecMessage XML, streaming
csv_reader   CSV, streaming
files        which reader a file needs; the guard against the same number twice
"""
