/* A client that only writes, on OpenSSL: see ../../README.md for the protocol. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char *read_file(const char *path, long *length)
{
    FILE *file = fopen(path, "rb");
    char *data;

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    *length = ftell(file);
    rewind(file);
    data = malloc(*length);
    if (data == NULL || fread(data, 1, *length, file) != (size_t)*length) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return data;
}

static int dial(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

/* The reason of a failure, or NULL. */
static const char *upload(SSL *ssl, const char *name, int notify, const char *data, long length)
{
    if (!SSL_set_tlsext_host_name(ssl, name) || !SSL_set1_host(ssl, name)) return "name";
    if (SSL_connect(ssl) != 1) return "handshake";
    for (long sent = 0; sent < length;) {
        long left = length - sent;
        int written = SSL_write(ssl, data + sent, left < 65536 ? (int)left : 65536);

        if (written <= 0) return "write";
        sent += written;
    }
    /* Once: close_notify is sent, the peer's is not waited for. */
    if (notify && SSL_shutdown(ssl) < 0) return "shutdown";
    return NULL;
}

int main(int argc, char **argv)
{
    char line[64];
    int version;
    long available;
    char *data;
    SSL_CTX *context;

    if (argc != 7) return 2;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    data = read_file(argv[5], &available);
    context = SSL_CTX_new(TLS_client_method());
    version = strcmp(argv[6], "TLSv1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (!SSL_CTX_load_verify_locations(context, argv[3], NULL)) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        long length = atol(line);
        int fd = dial(argv[2]);
        SSL *ssl = SSL_new(context);
        const char *failure;

        SSL_set_fd(ssl, fd);
        failure = upload(ssl, argv[4], strcmp(argv[1], "close_notify") == 0, data,
                         length < available ? length : available);
        close(fd);
        SSL_free(ssl);
        if (failure == NULL) printf("closed\n");
        else printf("failed %s\n", failure);
        ERR_print_errors_fp(stderr);
    }
    SSL_CTX_free(context);
    free(data);
    return 0;
}
