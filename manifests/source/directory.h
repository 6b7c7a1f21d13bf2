// SPDX-License-Identifier: Apache-2.0
// A folder of YAML files as a source of objects: read whole, watched for changes, always handed on
// as one complete snapshot. Used by the proxy without a Kubernetes API. Files below the folder
// count, too:
// *.yaml, *.yml, *.json; hidden ones and links that lead out of it do not.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/findings.h"
#include "manifests/text/json.h"

struct uv_loop_s;
struct directory;

struct directory_object {
  struct json
      *json; // with metadata.namespace ("default" where none is given) and metadata.resourceVersion
  struct str key;  // "VirtualService/ns/name"
  struct str file; // path as given plus the file's own
  int line;        // where its document starts
};

struct directory_snapshot {
  struct arena arena;               // holds all below
  struct directory_object *objects; // by file name, then order in the file
  size_t count;
  struct findings findings; // syntax, missing names, duplicates; also those of files that keep
                            // their last good set
  int64_t revision; // counts up with every change of content; an object's resourceVersion is the
                    // revision at which it last changed
};

// The snapshot is the directory's and stays valid until the next call.
typedef void (*directory_fn)(struct directory *directory, const struct directory_snapshot *snapshot,
                             void *data);

// Reads one folder (or one file) once, without a loop. Broken files are in the findings; non-zero
// only when the path itself cannot be read. Dispose with directory_snapshot_dispose.
int directory_read(const char *path, struct directory_snapshot *ret_snapshot, struct err *err);
void directory_snapshot_dispose(struct directory_snapshot *snapshot);

// Reads the folder and calls `changed` once from the loop, later, then after each change of content
// (writes that come within 50 ms are taken together). A file that breaks keeps its last good
// objects and a finding says so.
int directory_open(struct uv_loop_s *loop, const char *path, directory_fn changed, void *data,
                   struct directory **ret_directory, struct err *err);
const struct directory_snapshot *directory_snapshot(const struct directory *directory);
// Reads again now, as if a file had changed (SIGHUP).
void directory_reload(struct directory *directory);
void directory_close(struct directory *directory, void (*closed)(void *data), void *data);
