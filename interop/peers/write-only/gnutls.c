/* A client that only writes, on GnuTLS: see ../../README.md for the protocol. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
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

/* A GnuTLS error code, or 0. */
static int upload(gnutls_session_t session, int notify, const char *data, long length)
{
    int result;

    do {
        result = gnutls_handshake(session);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0) return result;
    for (long sent = 0; sent < length;) {
        long left = length - sent;
        ssize_t written = gnutls_record_send(session, data + sent, left < 65536 ? left : 65536);

        if (written == GNUTLS_E_AGAIN || written == GNUTLS_E_INTERRUPTED) continue;
        if (written < 0) return (int)written;
        sent += written;
    }
    /* close_notify is sent, the peer's is not waited for. */
    return notify ? gnutls_bye(session, GNUTLS_SHUT_WR) : 0;
}

int main(int argc, char **argv)
{
    char line[64], priority[64];
    long available;
    char *data;
    gnutls_certificate_credentials_t credentials;

    if (argc != 7) return 2;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    data = read_file(argv[5], &available);
    /* What follows "TLSv" is GnuTLS's name too. */
    snprintf(priority, sizeof priority, "NORMAL:-VERS-ALL:+VERS-TLS%s", argv[6] + 4);
    gnutls_certificate_allocate_credentials(&credentials);
    if (gnutls_certificate_set_x509_trust_file(credentials, argv[3], GNUTLS_X509_FMT_PEM) <= 0) return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        long length = atol(line);
        int fd = dial(argv[2]);
        int result;
        gnutls_session_t session;

        gnutls_init(&session, GNUTLS_CLIENT);
        gnutls_priority_set_direct(session, priority, NULL);
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, argv[4], strlen(argv[4]));
        gnutls_session_set_verify_cert(session, argv[4], 0);
        gnutls_transport_set_int(session, fd);
        result = upload(session, strcmp(argv[1], "close_notify") == 0, data,
                        length < available ? length : available);
        close(fd);
        gnutls_deinit(session);
        if (result == 0) printf("closed\n");
        else printf("failed %s\n", gnutls_strerror(result));
    }
    gnutls_certificate_free_credentials(credentials);
    free(data);
    return 0;
}
