/* logcount: reads log lines that end in a status, prints how often each was seen. */
#include "count.h"

#include <stdio.h>

int main(void)
{
    static struct counts counts;
    char line[4096];
    unsigned long other = 0;

    while (fgets(line, sizeof line, stdin))
        other += !count_line(&counts, line);
    for (int status = 100; status < 600; status++)
        if (counts.seen[status])
            printf("%d %lu\n", status, counts.seen[status]);
    if (other)
        printf("other %lu\n", other);
    return 0;
}
