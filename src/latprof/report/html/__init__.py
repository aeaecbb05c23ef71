"""A report as one HTML file that opens anywhere, offline, with charts that can be zoomed.

run          the page of a run
answers      the pages of other results
page         sections as one file, with its policy
section      what a page is made of
figures/     the charts
tables       the numbers beneath them
environment  machine and software
library      the JavaScript that draws
text         texts from outside in a chart
"""
