/* A port of ScaledDotProductAttention and its gradient, with or without the causal mask.

       attention GOLDEN.npz RESULTS.npz [no-delta]

   It reads golden vectors with the C library alone: an .npz is a zip of .npy files that are stored as
   they are, and the array `manifest` is JSON. The last argument leaves a term of the gradient out. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { size_t size; unsigned char *bytes; } Buffer;
typedef struct { int shape[4]; double *numbers; } Array;

static Buffer golden, results, directory;
static int members, no_delta;

static void append(Buffer *to, const void *bytes, size_t size) {
    to->bytes = realloc(to->bytes, to->size + size);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void number(Buffer *to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++, value >>= 8) append(to, &(unsigned char){value & 255}, 1);
}

static uint32_t read_number(const unsigned char *at, int bytes) {
    uint32_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

/* The .npy file of a name: local headers, names and bytes stand one after the other. */
static const unsigned char *member(const char *name) {
    size_t at = 0;
    while (at + 30 < golden.size && read_number(golden.bytes + at, 4) == 0x04034b50) {
        const unsigned char *header = golden.bytes + at;
        size_t size = read_number(header + 18, 4), length = read_number(header + 26, 2);
        const unsigned char *own = header + 30, *data = own + length + read_number(header + 28, 2);
        if (length == strlen(name) && !memcmp(own, name, length)) return data;
        at = data + size - golden.bytes;
    }
    fprintf(stderr, "there is no %s\n", name);
    exit(2);
}

static Array read_array(const char *prefix, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s.npy", prefix, name);
    const unsigned char *file = member(path);
    const char *header = (const char *)file + 10, *shape = strstr(header, "'shape': (") + 10;
    const unsigned char *data = file + 10 + read_number(file + 8, 2);
    int wide = strstr(header, "<f8") && strstr(header, "<f8") < shape, count = 1;
    Array a;
    for (int i = 0; i < 4; i++, shape += strspn(shape, ", ")) {
        a.shape[i] = strtol(shape, (char **)&shape, 10);
        count *= a.shape[i];
    }
    a.numbers = malloc(count * sizeof(double) + 1);
    for (int i = 0; i < count; i++) {
        float narrow;
        memcpy(wide ? (void *)(a.numbers + i) : &narrow, data + i * (wide ? 8 : 4), wide ? 8 : 4);
        if (!wide) a.numbers[i] = narrow;
    }
    return a;
}

static uint32_t crc32(const unsigned char *bytes, size_t size) {
    uint32_t crc = ~0u;
    while (size--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/* One more member of the results: its .npy file, and what the zip's directory says of it. */
static void write_array(const char *prefix, const char *name, Array a) {
    char path[300], header[129];
    Buffer file = {0, NULL}, about = {0, NULL};
    int *s = a.shape, size = s[0] * s[1] * s[2] * s[3] * 8;
    snprintf(path, sizeof path, "%s/%s.npy", prefix, name);
    int text = snprintf(header, 119, "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }",
                        s[0], s[1], s[2], s[3]);
    memset(header + text, ' ', 117 - text);
    header[117] = '\n';
    append(&file, "\x93NUMPY\x01\x00\x76\x00", 10);
    append(&file, header, 118);
    append(&file, a.numbers, size);
    number(&about, 20, 2), number(&about, 0, 4), number(&about, 0x00210000, 4);
    number(&about, crc32(file.bytes, file.size), 4);
    number(&about, file.size, 4), number(&about, file.size, 4), number(&about, strlen(path), 2);
    append(&directory, "PK\1\2\x14\0", 6), append(&directory, about.bytes, about.size);
    number(&directory, 0, 4), number(&directory, 0, 4), number(&directory, 0, 4);
    number(&directory, results.size, 4), append(&directory, path, strlen(path));
    append(&results, "PK\3\4", 4), append(&results, about.bytes, about.size);
    number(&results, 0, 2), append(&results, path, strlen(path));
    append(&results, file.bytes, file.size);
    members++;
}

static Array like(Array a, int last) {
    Array b = {{a.shape[0], a.shape[1], a.shape[2], last}, NULL};
    b.numbers = calloc((size_t)a.shape[0] * a.shape[1] * a.shape[2] * last + 1, sizeof(double));
    return b;
}

static double dot(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* One query: y, and what it gives to dq, dk and dv. Less the dp of the largest weight nothing cancels
   where that weight is near 1. */
static void query(int D, int M, int E, int seen, const double *q, const double *k, const double *v,
                  const double *dy, double *y, double *dq, double *dk, double *dv) {
    double p[M + 1], dp[M + 1], Z = 0, delta = 0;
    int first = 0;
    for (int j = 0; j < seen; j++) {
        p[j] = dot(q, k + j * D, D) / sqrt(D), dp[j] = dot(dy, v + j * E, E);
        if (p[j] > p[first]) first = j;
    }
    double top = p[first], base = no_delta ? 0 : dp[first];
    for (int j = 0; j < seen; j++) Z += p[j] = exp(p[j] - top);
    for (int j = 0; j < seen; j++) p[j] /= Z, dp[j] -= base;
    for (int j = 0; j < seen && !no_delta; j++) delta += p[j] * dp[j];
    for (int j = 0; j < seen; j++) {
        double ds = p[j] * (dp[j] - delta) / sqrt(D);
        for (int e = 0; e < E; e++) y[e] += p[j] * v[j * E + e], dv[j * E + e] += p[j] * dy[e];
        for (int d = 0; d < D; d++) dq[d] += ds * k[j * D + d], dk[j * D + d] += ds * q[d];
    }
}

static void attention(const char *prefix, int causal) {
    Array q = read_array(prefix, "input/q"), k = read_array(prefix, "input/k");
    Array v = read_array(prefix, "input/v"), dy = read_array(prefix, "upstream/dy");
    int N = q.shape[2], D = q.shape[3], M = v.shape[2], E = v.shape[3];
    Array y = like(q, E), dq = like(q, D), dk = like(k, D), dv = like(v, E);
    for (int h = 0; h < q.shape[0] * q.shape[1]; h++)
        for (int i = 0; i < N; i++) {
            int row = h * N + i, key = h * M, seen = causal && i + 1 < M ? i + 1 : M;
            query(D, M, E, seen, q.numbers + row * D, k.numbers + key * D, v.numbers + key * E,
                  dy.numbers + row * E, y.numbers + row * E, dq.numbers + row * D,
                  dk.numbers + key * D, dv.numbers + key * E);
        }
    write_array(prefix, "output/y", y), write_array(prefix, "gradient/dq", dq);
    write_array(prefix, "gradient/dk", dk), write_array(prefix, "gradient/dv", dv);
}

int main(int argc, char **argv) {
    FILE *file = argc > 2 ? fopen(argv[1], "rb") : NULL;
    unsigned char chunk[4096];
    if (!file) return fprintf(stderr, "usage: attention GOLDEN.npz RESULTS.npz [no-delta]\n"), 2;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file));) append(&golden, chunk, n);
    no_delta = argc > 3 && !strcmp(argv[3], "no-delta");
    const char *text = (const char *)member("manifest.npy") + 10;
    while ((text = strstr(text, "\"rule\": \"ScaledDotProductAttention\""))) {
        char prefix[200];
        int causal = !strncmp(strstr(text, "\"causal\": ") + 10, "true", 4);
        text = strstr(text, "\"name\": \"") + 9;
        snprintf(prefix, sizeof prefix, "%.*s", (int)(strstr(text, "/input/") - text), text);
        attention(prefix, causal);
    }
    uint32_t start = results.size;
    append(&results, directory.bytes, directory.size);
    append(&results, "PK\5\6\0\0\0\0", 8), number(&results, members, 2), number(&results, members, 2);
    number(&results, directory.size, 4), number(&results, start, 4), number(&results, 0, 2);
    FILE *out = fopen(argv[2], "wb");
    return !out || fwrite(results.bytes, 1, results.size, out) != results.size || fclose(out);
}
