/* A Modbus/TCP server by libmodbus for the tests: modbus_server PORT FILE
 *
 * FILE holds lines `coil|discrete|input|holding ADDRESS VALUE`, `silent UNIT 1` (that unit does not
 * answer) and `exception UNIT CODE` (it answers so); it is read again whenever it was replaced. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CELLS = 2000, UNITS = 256, UNIT_AT = 6 };

static modbus_t *context;
static modbus_mapping_t *map;
static int silent[UNITS], exception[UNITS];

static int set(const char *table, unsigned at, unsigned value) {
    if (at >= CELLS) return -1;
    if (!strcmp(table, "coil")) map->tab_bits[at] = value != 0;
    else if (!strcmp(table, "discrete")) map->tab_input_bits[at] = value != 0;
    else if (!strcmp(table, "input")) map->tab_input_registers[at] = value;
    else if (!strcmp(table, "holding")) map->tab_registers[at] = value;
    else if (!strcmp(table, "silent") && at < UNITS) silent[at] = value;
    else if (!strcmp(table, "exception") && at < UNITS) exception[at] = value;
    else return -1;
    return 0;
}

static void read_tables(const char *name) {
    static struct stat last;
    struct stat now;
    char table[16];
    unsigned at, value;
    FILE *file;

    if (stat(name, &now) || now.st_ino == last.st_ino || !(file = fopen(name, "r"))) return;
    last = now;
    while (fscanf(file, "%15s %u %u", table, &at, &value) == 3)
        if (set(table, at, value)) fprintf(stderr, "%s %u %u is not known\n", table, at, value);
    fclose(file);
}

/* 0 when the connection has ended */
static int answer(int client, const char *name) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int size;

    modbus_set_socket(context, client);
    size = modbus_receive(context, query);
    if (size <= 0) return size == 0;
    read_tables(name);
    if (silent[query[UNIT_AT]]) return 1;
    if (exception[query[UNIT_AT]])
        return modbus_reply_exception(context, query, exception[query[UNIT_AT]]) > 0;
    return modbus_reply(context, query, size, map) > 0;
}

int main(int argc, char **argv) {
    fd_set open, ready;
    int listener, fd, highest;

    if (argc != 3) return 2;
    context = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    map = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
    if (!context || !map || (listener = highest = modbus_tcp_listen(context, 64)) < 0) {
        fprintf(stderr, "no server: %s\n", modbus_strerror(errno));
        return 1;
    }
    FD_ZERO(&open);
    FD_SET(listener, &open);
    for (;;) {
        ready = open;
        if (select(highest + 1, &ready, NULL, NULL, NULL) < 0) return 1;
        for (fd = 0; fd <= highest; fd++) {
            if (!FD_ISSET(fd, &ready)) continue;
            if (fd == listener) {
                int client = modbus_tcp_accept(context, &listener);
                if (client >= FD_SETSIZE) close(client);
                else if (client >= 0) {
                    FD_SET(client, &open);
                    if (client > highest) highest = client;
                }
            } else if (!answer(fd, argv[2])) {
                close(fd);
                FD_CLR(fd, &open);
            }
        }
    }
}
