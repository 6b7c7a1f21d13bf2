// SPDX-License-Identifier: Apache-2.0
// The key with which the operator of `serin up` tells contents of Secrets apart: made once, kept in
// the folder, read by nobody else.
#include "operator/standalone/private_file.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/up_state.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define KEY_BYTES 32

int up_make_content_key(struct up *up, struct err *err) {
  unsigned char bytes[KEY_BYTES];
  char text[2 * KEY_BYTES + 2];
  up->content_key = shim_file_join(&up->arena, up->data, STR("content.key"));
  if (access(up->content_key, F_OK) == 0)
    return RC_OK;
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
    return err_errno(err, "no random bytes");
  for (size_t i = 0; i < sizeof bytes; i++)
    (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
  text[2 * KEY_BYTES] = '\n';
  return private_file_write(up->content_key, (struct str){text, 2 * KEY_BYTES + 1}, err);
}
