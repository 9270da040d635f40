/* libmodbus asks each port ROUNDS times for what benchmarks/modbus.py asks:
 * modbus_libmodbus ROUNDS PORT…; prints CPU-ms per poll. */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_ms(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv) {
    int rounds = argc > 2 ? atoi(argv[1]) : 0, units = argc - 2, round, unit;
    modbus_t **to = calloc(argc, sizeof *to);
    uint16_t registers[40];
    uint8_t bits[64];
    double begun;

    for (unit = 0; unit < units; unit++) {
        to[unit] = modbus_new_tcp("127.0.0.1", atoi(argv[unit + 2]));
        modbus_set_slave(to[unit], 1);
        if (modbus_connect(to[unit])) return 1;
    }
    begun = cpu_ms();
    for (round = 0; round < rounds; round++)
        for (unit = 0; unit < units; unit++)
            if (modbus_read_registers(to[unit], 0, 40, registers) != 40 ||
                modbus_read_registers(to[unit], 100, 40, registers) != 40 ||
                modbus_read_input_bits(to[unit], 0, 64, bits) != 64)
                return 1;
    printf("%f\n", (cpu_ms() - begun) / rounds / units);
    return 0;
}
