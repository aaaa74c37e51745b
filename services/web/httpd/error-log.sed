# One line of httpd's error log (time, level, process, message between tabs) to one JSON object. httpd writes \\, \b, \n, \r, \t, \v and
# \xhh for what is not plain, and quotes as they are; double backslashes wait as \x01 meanwhile, which it never writes.
s/\\\\/\x01/g
s/\\([^bnrtvx])/\\\\\1/g
s/\\v/\\u000b/g
s/\\x([0-9a-f]{2})/\\u00\1/g
s/"/\\"/g
s/\x01/\\\\/g
s/^([0-9-]+) ([0-9:.]+) ([+-][0-9]{4})\t/\1T\2\3\t/
s/^([^\t]*)\t([^\t]*)\t([0-9]+)\t(.*)$/{"time":"\1","level":"\2","service":"web","process":\3,"message":"\4"}/
t
s/\t/\\t/g
s/^.*$/{"level":"error","service":"web","message":"&"}/
