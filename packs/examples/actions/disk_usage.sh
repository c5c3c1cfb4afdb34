#!/bin/sh
df -P -k "$1" | awk 'NR == 2 {
    printf "{\"filesystem\": \"%s\", \"size_kb\": %d, \"used_kb\": %d, \"used_percent\": %d}\n", $1, $2, $3, $5
}'
