/* A small board that speaks the serial protocol of MLPerf Tiny's reference firmware, on a pseudo-terminal of its own.
 *
 *     tiny [-e] [-u MICROSECONDS] [-w START_MICROSECONDS] [-r RESET_AFTER_INFERS]
 *
 * -e is the energy build (no laps), -u what one inference takes, -w where its 32-bit microsecond counter stands at the start, -r makes it
 * lose power in the middle of that infer command. It prints the name of its pseudo-terminal, then serves until its standard input ends.
 * Its model: four results, the sums of every fourth byte of the input modulo 250, in thousandths.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 27648, COMMAND = 80 };

static int line = -1, energy = 0, reset_after = 0, infers = 0;
static uint32_t first_us = 0;
static long inference_us = 1000;
static unsigned char buffer[BUFFER];
static long size = 0, place = 0;
static unsigned sums[4];
static struct timespec begun;

static void say(const char *form, ...) {
  char text[512];
  va_list values;
  va_start(values, form);
  int length = vsnprintf(text, sizeof text, form, values);
  va_end(values);
  for (int sent = 0; sent < length;) {
    ssize_t more = write(line, text + sent, (size_t)(length - sent));
    if (more <= 0) exit(1);
    sent += (int)more;
  }
}

static uint32_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t passed = (int64_t)(now.tv_sec - begun.tv_sec) * 1000000 + (now.tv_nsec - begun.tv_nsec) / 1000;
  return first_us + (uint32_t)passed;
}

static void stamp(void) {
  if (!energy) say("m-lap-us-%lu\r\n", (unsigned long)now_us());
}

static void boot(void) {
  clock_gettime(CLOCK_MONOTONIC, &begun);
  size = place = 0;
  say("m-timestamp-mode-%s\r\n", energy ? "energy" : "performance");
  stamp();
  say("m-init-done\r\nm-ready\r\n");
}

static void work(long number) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t end = (int64_t)until.tv_sec * 1000000000 + until.tv_nsec + number * inference_us * 1000;
  until.tv_sec = end / 1000000000;
  until.tv_nsec = end % 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
  }
  memset(sums, 0, sizeof sums);
  for (long i = 0; i < place && i < BUFFER; i++) sums[i % 4] += buffer[i];
}

static void print_results(void) {
  say("m-results-[0.%03u,0.%03u,0.%03u,0.%03u]\r\n", sums[0] % 250, sums[1] % 250, sums[2] % 250, sums[3] % 250);
}

/* Return 0 when the board was reset meanwhile: then nothing more is said. */
static int infer(char **rest) {
  char *word = strtok_r(NULL, " ", rest);
  long number = word ? atol(word) : 1, warmup = 10;
  if (number <= 0) return say("e-[Inference iterations must be >0]\r\n"), 1;
  if ((word = strtok_r(NULL, " ", rest))) warmup = atol(word);
  if (warmup < 0) return say("e-[Inference warmup must be >=0]\r\n"), 1;
  say("m-warmup-start-%ld\r\n", warmup);
  work(warmup);
  say("m-warmup-done\r\nm-infer-start-%ld\r\n", number);
  stamp();
  if (reset_after && ++infers == reset_after) {
    work(number / 2);
    boot();
    return 0;
  }
  work(number);
  stamp();
  say("m-infer-done\r\n");
  print_results();
  return 1;
}

static int digit(char c) {
  const char *all = "0123456789abcdef", *found = c ? strchr(all, c | 32) : NULL;
  return found && c != ' ' ? (int)(found - all) : -1;
}

static void take(const char *digits) {
  size_t length = strlen(digits);
  if (length % 2) {
    say("e-[Insufficent number of hex digits]\r\n");
    return;
  }
  for (size_t i = 0; i < length; i += 2) {
    int high = digit(digits[i]), low = digit(digits[i + 1]);
    if (high < 0 || low < 0) {
      say("e-[Invalid hex digit '%c%c']\r\n", digits[i], digits[i + 1]);
      return;
    }
    if (place >= BUFFER) abort(); /* a real one writes over its own memory */
    buffer[place++] = (unsigned char)(high << 4 | low);
    if (place == size) {
      say("m-load-done\r\n");
      return;
    }
  }
}

static void bytes(char **rest) {
  char *word = strtok_r(NULL, " ", rest);
  if (!word) {
    say("e-[Command 'db' requires a subcommand]\r\n");
  } else if (strcmp(word, "load") == 0) {
    if (!(word = strtok_r(NULL, " ", rest))) {
      say("e-[Command 'db load' requires the # of bytes]\r\n");
    } else if ((size = atol(word)) == 0) {
      say("e-[Command 'db load' must be >0 bytes]\r\n");
    } else {
      place = 0;
      if (size > BUFFER) say("Supplied buffer size %ld exceeds maximum of %d\n", size, BUFFER);
      else say("m-[Expecting %ld bytes]\r\n", size);
    }
  } else if (strcmp(word, "print") == 0) {
    for (long i = 0; i < size; i++)
      say("%s%02x%s", i % 8 ? "" : "m-buffer-", buffer[i], i % 8 == 7 || i + 1 == size ? "\r\n" : "-");
    if (size % 8) say("\r\n");
  } else {
    take(word);
  }
}

static void obey(char *command) {
  char *rest = NULL, *word = strtok_r(command, " ", &rest);
  if (!word) word = "";
  if (strcmp(word, "name") == 0) say("m-name-dut-[EMULATED in C]\r\n");
  else if (strcmp(word, "timestamp") == 0) stamp();
  else if (strcmp(word, "profile") == 0) say("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[own01]\r\n");
  else if (strcmp(word, "help") == 0) say("a small board for tests\r\n");
  else if (strcmp(word, "db") == 0) bytes(&rest);
  else if (strcmp(word, "results") == 0) print_results();
  else if (strcmp(word, "infer") == 0) {
    if (!infer(&rest)) return;
  } else say("e-[Unknown command: %s]\r\n", word);
  say("m-ready\r\n");
}

int main(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "eu:w:r:")) != -1;) {
    if (option == 'e') energy = 1;
    else if (option == 'u') inference_us = atol(optarg);
    else if (option == 'w') first_us = (uint32_t)strtoul(optarg, NULL, 10);
    else if (option == 'r') reset_after = atoi(optarg);
    else return 2;
  }
  line = posix_openpt(O_RDWR | O_NOCTTY);
  if (line < 0 || grantpt(line) || unlockpt(line)) return 1;
  int other = open(ptsname(line), O_RDWR | O_NOCTTY); /* kept open, so that the line outlives whoever opens it */
  struct termios raw;
  if (other < 0 || tcgetattr(other, &raw)) return 1;
  cfmakeraw(&raw);
  tcsetattr(other, TCSANOW, &raw);
  boot();
  printf("%s\n", ptsname(line));
  fflush(stdout);
  char command[COMMAND + 1];
  size_t length = 0;
  for (;;) {
    struct pollfd ends[2] = {{.fd = line, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    if (poll(ends, 2, -1) < 0) return 1;
    if (ends[1].revents) return 0;
    char c;
    if (!(ends[0].revents & POLLIN) || read(line, &c, 1) != 1) continue;
    if (c != '%') {
      command[length] = c;
      length += length < COMMAND;
      continue;
    }
    command[length] = 0;
    length = 0;
    obey(command);
  }
}
