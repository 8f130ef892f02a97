"""The kinds of reports, one class each: what it puts into the program, and what it tells of the runs."""

from derive.tasks.reports import pictures, surroundings, training, units
from derive.tasks.reports.base import REPORTS, Report, Table, Told
