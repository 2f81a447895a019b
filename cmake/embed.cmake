# Writes a C file that holds text files as arrays of bytes, so that the program needs nothing beside itself.
# cmake -D OUT=file.c -D LIST=name -D FILES="a.css;b.js" -P embed.cmake   makes `const EmbeddedFile name[]`
set(table "")
set(arrays "")
set(number 0)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  # Lines of 24 bytes, as some compilers complain about very long ones.
  string(REGEX REPLACE "(........................................................................................................................)" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}0};\n")
  string(APPEND table "    {\"${name}\", file_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/embed.cmake. */\n#include \"base/embedded.h\"\n\n${arrays}\nextern const EmbeddedFile ${LIST}[];\nconst EmbeddedFile ${LIST}[] = {\n${table}    {0, 0},\n};\n")
