// The two WebGL 2 programs of the symbol layer. Positions are relative to a centre near the map's: float32 is then
// exact to a few centimetres wherever one looks closely.

export const SYMBOL_VERTEX = `#version 300 es
uniform vec2 u_offset;   // pixels from the middle of the map to the origin of the positions
uniform float u_scale;   // pixels per unit square
uniform float u_ahead;   // node seconds since the frame
uniform vec2 u_size;     // of the map, pixels
uniform float u_cells;   // rows of the atlas
in vec2 a_corner;
in vec2 a_position;
in vec2 a_velocity;
in float a_direction;    // radians clockwise from north
in float a_radius;       // pixels
in float a_cell;
in vec4 a_colour;
out vec2 v_texture;
out vec4 v_colour;
void main() {
  vec2 middle = u_offset + (a_position + a_velocity * u_ahead) * u_scale;
  float s = sin(a_direction), c = cos(a_direction);
  vec2 turned = vec2(c * a_corner.x - s * a_corner.y, s * a_corner.x + c * a_corner.y);
  vec2 pixel = middle + turned * a_radius;
  gl_Position = vec4(pixel.x * 2.0 / u_size.x, -pixel.y * 2.0 / u_size.y, 0.0, 1.0);
  vec2 cell = vec2(mod(a_cell, 8.0), floor(a_cell / 8.0));
  v_texture = (cell + a_corner * 0.5 + 0.5) / vec2(8.0, u_cells);
  v_colour = a_colour;
}`

export const SYMBOL_FRAGMENT = `#version 300 es
precision mediump float;
uniform sampler2D u_atlas;
in vec2 v_texture;
in vec4 v_colour;
out vec4 o_colour;
void main() {
  vec2 drawn = texture(u_atlas, v_texture).rg;
  vec3 colour = mix(vec3(0.03, 0.05, 0.09), v_colour.rgb, drawn.g > 0.0 ? min(1.0, drawn.r / drawn.g) : 0.0);
  float alpha = drawn.g * v_colour.a;
  o_colour = vec4(colour * alpha, alpha);
}`

export const LINE_VERTEX = `#version 300 es
uniform vec2 u_offset;
uniform float u_scale;
uniform vec2 u_size;
in vec2 a_position;
in float a_alpha;
out float v_alpha;
void main() {
  vec2 pixel = u_offset + a_position * u_scale;
  gl_Position = vec4(pixel.x * 2.0 / u_size.x, -pixel.y * 2.0 / u_size.y, 0.0, 1.0);
  v_alpha = a_alpha;
}`

export const LINE_FRAGMENT = `#version 300 es
precision mediump float;
in float v_alpha;
out vec4 o_colour;
void main() {
  o_colour = vec4(vec3(0.78, 0.83, 0.89) * v_alpha, v_alpha);
}`

export function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const made = gl.createProgram()
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(type)!
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(made, shader)
  }
  gl.linkProgram(made)
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? 'link failed')
  return made
}
