// SPDX-License-Identifier: Apache-2.0
// What tells contents of ConfigMaps and Secrets apart, in status for everybody to read. Of a Secret
// it is keyed: without the key nobody can try what it may be. Pure; the SHA-256 is OpenSSL's.
#pragma once

#include "manifests/base/err.h"
#include "manifests/text/json.h"

#define CONTENT_KEY_MIN 16
#define CONTENT_KEY_MAX 4096

// "sha256:..." of data and binaryData.
struct str content_digest_config_map(const struct json *object, struct arena *arena);
// "hmac:<which key>:..." of namespace, name, type and data.
struct str content_digest_secret(const struct json *object, struct str key, struct arena *arena);
// Whether its annotation leaves it out.
bool content_is_left_out(const struct json *object);
// Cuts a ConfigMap down to what a plan needs of it: content_digest says what it had.
void content_trim(struct json *config_map, struct arena *arena);
struct str content_digest_of_trimmed(const struct json *config_map);
bool content_trimmed_is_left_out(const struct json *config_map);
// The text of a key file: without what stands around it. RC_INVALID: too short.
int content_key(struct str text, struct str *ret_key, struct err *err);
