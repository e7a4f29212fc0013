/* What a server has synced, for the faults `power_loss` and `slow_disk`: preloaded (LD_PRELOAD) into redis-server.
 *
 * fsync(2) promises that what a file held when it was called is on the disk when it returns 0, and that the names in a
 * directory are, when the directory itself was synced. Nothing else is promised, so nothing else is noted:
 * sync_file_range(2) writes pages, but neither the length of a file nor the disk's own cache.
 *
 * ARBREDIS_LEDGER names a folder. In its file `ledger`, by single appending writes, which a SIGKILL does not take back:
 *   B pid                      loaded in a process
 *   F dev:ino size             a file was synced; its size is that from before the call
 *   T dev:ino size             a file was cut to a size
 *   D path\n E dev:ino name\n ... .     a directory was synced; its names are those from before the call
 * What is unlinked, or loses its name by a rename, keeps one as `gone/dev:ino`: without a sync of the directory a power
 * loss brings it back. The first eight bytes of the file `delay` are microseconds that each sync takes longer.
 *
 * It calls the kernel itself and links nothing, so that it fits whatever C library a server has.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "64-bit Linux only"
#endif

#define PATH_BYTES 4096
#define RECORD_BYTES 65536
#define NAP_NS 1000000
#define US_PER_S 1000000

static int ledger = -1;
static int folder = -1;
static volatile int64_t *delay_us;

struct record {
    size_t used;
    char text[RECORD_BYTES];
};

static void put_char(struct record *to, char c) {
    if (to->used < RECORD_BYTES) to->text[to->used] = c;
    to->used++;
}

static void put_text(struct record *to, const char *text) {
    while (*text) put_char(to, *text++);
}

static void put_number(struct record *to, uint64_t number) {
    char digits[20];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count) put_char(to, digits[--count]);
}

static void put_inode(struct record *to, const struct stat *file) {
    put_number(to, file->st_dev);
    put_char(to, ':');
    put_number(to, file->st_ino);
}

/* One that is too long is left out: what it says is then not synced, which is never too much. */
static void append(const struct record *one) {
    if (one->used > RECORD_BYTES) return;
    int before = errno;
    (void)!syscall(SYS_write, ledger, one->text, one->used);
    errno = before;
}

static void note_size(char kind, const struct stat *file, int64_t size) {
    struct record one;
    one.used = 0;
    put_char(&one, kind);
    put_char(&one, ' ');
    put_inode(&one, file);
    put_char(&one, ' ');
    put_number(&one, (uint64_t)size);
    put_char(&one, '\n');
    append(&one);
}

static void path_of(int fd, char *path) {
    struct record link;
    link.used = 0;
    put_text(&link, "/proc/self/fd/");
    put_number(&link, (uint64_t)fd);
    put_char(&link, 0);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link.text, path, PATH_BYTES - 1);
    path[length < 0 ? 0 : length] = 0;
}

struct entry { /* as getdents64 gives it */
    uint64_t ino;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void list_names(struct record *to, int fd) {
    char path[PATH_BYTES];
    path_of(fd, path);
    put_text(to, "D ");
    put_text(to, path);
    put_char(to, '\n');
    long names = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    char some[8192] __attribute__((aligned(8)));
    long count;
    while (names >= 0 && (count = syscall(SYS_getdents64, names, some, sizeof some)) > 0) {
        for (long at = 0; at < count;) {
            struct entry *one = (struct entry *)(some + at);
            struct stat file;
            at += one->length;
            if (syscall(SYS_newfstatat, names, one->name, &file, AT_SYMLINK_NOFOLLOW)) continue;
            put_text(to, "E ");
            put_inode(to, &file);
            put_char(to, ' ');
            put_text(to, one->name);
            put_char(to, '\n');
        }
    }
    if (names >= 0) syscall(SYS_close, names);
    put_text(to, ".\n");
}

/* In small steps: a delay that is taken away is over at once. */
static void linger(void) {
    struct timespec began, now, nap = {0, NAP_NS};
    if (!delay_us || *delay_us <= 0) return;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &began);
    do {
        syscall(SYS_nanosleep, &nap, NULL);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - began.tv_sec) * US_PER_S + (now.tv_nsec - began.tv_nsec) / 1000 < *delay_us);
}

static int synced(int number, int fd) {
    struct stat file;
    if (ledger < 0 || syscall(SYS_fstat, fd, &file)) return (int)syscall(number, fd);
    if (S_ISDIR(file.st_mode)) {
        struct record names;
        names.used = 0;
        list_names(&names, fd);
        linger();
        int answer = (int)syscall(number, fd);
        if (!answer) append(&names);
        return answer;
    }
    linger();
    int answer = (int)syscall(number, fd);
    if (!answer) note_size('F', &file, file.st_size);
    return answer;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }

int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

/* Give a file that is about to lose its name another one. */
static void keep(const char *path) {
    struct stat file;
    struct record name;
    int before = errno;
    if (folder >= 0 && !syscall(SYS_newfstatat, AT_FDCWD, path, &file, AT_SYMLINK_NOFOLLOW) && S_ISREG(file.st_mode)) {
        name.used = 0;
        put_text(&name, "gone/");
        put_inode(&name, &file);
        put_char(&name, 0);
        syscall(SYS_linkat, AT_FDCWD, path, folder, name.text, 0);
    }
    errno = before;
}

int unlink(const char *path) {
    keep(path);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to) {
    keep(to);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int ftruncate(int fd, off_t size) {
    struct stat file;
    int answer = (int)syscall(SYS_ftruncate, fd, size);
    if (!answer && ledger >= 0 && !syscall(SYS_fstat, fd, &file)) note_size('T', &file, size);
    return answer;
}

int truncate(const char *path, off_t size) {
    struct stat file;
    int answer = (int)syscall(SYS_truncate, path, size);
    if (!answer && ledger >= 0 && !syscall(SYS_newfstatat, AT_FDCWD, path, &file, 0)) note_size('T', &file, size);
    return answer;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int truncate64(const char *path, off_t size) { return truncate(path, size); }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("ARBREDIS_LEDGER");
    struct record one;
    if (!where) return;
    folder = (int)syscall(SYS_openat, AT_FDCWD, where, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (folder < 0) return;
    long control = syscall(SYS_openat, folder, "delay", O_RDONLY | O_CLOEXEC, 0);
    if (control >= 0) {
        long mapped = syscall(SYS_mmap, NULL, sizeof *delay_us, PROT_READ, MAP_SHARED, control, 0);
        if (mapped != -1) delay_us = (volatile int64_t *)mapped;
        syscall(SYS_close, control);
    }
    ledger = (int)syscall(SYS_openat, folder, "ledger", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    one.used = 0;
    put_text(&one, "B ");
    put_number(&one, (uint64_t)syscall(SYS_getpid));
    put_char(&one, '\n');
    if (ledger >= 0) append(&one);
}
