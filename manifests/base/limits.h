// SPDX-License-Identifier: Apache-2.0
// The caps on what a peer or a user may choose, in one place.
#pragma once

#define LIMIT_MANIFEST_BYTES (8u << 20)    // one manifest file
#define LIMIT_JSON_BYTES (16u << 20)       // one JSON body that we read
#define LIMIT_JSON_DEPTH 64                // nesting of JSON and YAML
#define LIMIT_JSON_NODES 1000000u          // values in one document
#define LIMIT_YAML_DOCS 10000u             // documents in one file
#define LIMIT_OBJECT_BYTES (1536u << 10)   // one stored API object, as etcd's default
#define LIMIT_HTTP_BODY_BYTES (3u << 20)   // request body of the API server, as kube-apiserver
#define LIMIT_HTTP_REPLY_BYTES (64u << 20) // reply read by our HTTP client
#define LIMIT_WATCH_LINE_BYTES (4u << 20)  // one event of a watch
