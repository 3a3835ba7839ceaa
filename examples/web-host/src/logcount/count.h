#ifndef COUNT_H
#define COUNT_H

/* How often each status from 100 to 599 was seen. */
struct counts {
    unsigned long seen[600];
};

/* Counts the status at the end of a log line; 0 when there is none. */
int count_line(struct counts *counts, const char *line);

#endif
