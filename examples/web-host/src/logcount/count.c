#include "count.h"

#include <stdlib.h>
#include <string.h>

int count_line(struct counts *counts, const char *line)
{
    const char *last = strrchr(line, ' ');
    long status = last ? strtol(last + 1, NULL, 10) : 0;

    if (status < 100 || status > 599)
        return 0;
    counts->seen[status]++;
    return 1;
}
