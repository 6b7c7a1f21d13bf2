// SPDX-License-Identifier: Apache-2.0
#include "proxy/socket_text.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static char *put_number(char *to, unsigned value) {
  char digits[10];
  size_t at = sizeof(digits);
  do
    digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  memcpy(to, digits + at, sizeof(digits) - at);
  return to + (sizeof(digits) - at);
}

// Written for every request when there is an access log: no printf.
struct str socket_text_address(const struct sockaddr *address, char out[64]) {
  union {
    const struct sockaddr *any;
    const struct sockaddr_in *v4;
    const struct sockaddr_in6 *v6;
  } a = {address};
  char *to = out;
  unsigned port;
  if (address->sa_family == AF_INET6) {
    *to++ = '[';
    (void)inet_ntop(AF_INET6, &a.v6->sin6_addr, to, INET6_ADDRSTRLEN);
    to += strlen(to);
    *to++ = ']';
    port = ntohs(a.v6->sin6_port);
  } else {
    unsigned char bytes[4];
    memcpy(bytes, &a.v4->sin_addr, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
      to = put_number(to, bytes[i]);
      *to++ = i < 3 ? '.' : ':';
    }
    port = ntohs(a.v4->sin_port);
  }
  if (address->sa_family == AF_INET6)
    *to++ = ':';
  to = put_number(to, port);
  *to = '\0';
  return (struct str){out, (size_t)(to - out)};
}

struct str socket_text_local(int fd, char out[64]) {
  union {
    struct sockaddr any;
    struct sockaddr_in6 v6;
  } address = {0};
  socklen_t len = sizeof(address);
  if (getsockname(fd, &address.any, &len) != 0)
    return STR_NULL;
  return socket_text_address(&address.any, out);
}
