# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an object looks like: its render component."""

from __future__ import annotations

import numpy as np
import sapien

from c2a_sim_bridge.sim.objects import ObjectSpec


def object_visual(spec: ObjectSpec) -> sapien.render.RenderBodyComponent:
    """What shows the object: a flat-shaded prism, a sphere or a gripper of its colour."""
    material = sapien.render.RenderMaterial()
    material.base_color = [*spec.rgb, 1.0]
    material.roughness, material.specular, material.metallic = 0.7, 0.3, 0.0
    body = sapien.render.RenderBodyComponent()
    for shape in _shapes(spec, material):
        body.attach(shape)
    return body


def _shapes(
    spec: ObjectSpec, material: sapien.render.RenderMaterial
) -> list[sapien.render.RenderShape]:
    if spec.shape == 'sphere':
        return [sapien.render.RenderShapeSphere(spec.height / 2, material)]
    if spec.shape == 'gripper':
        return _gripper_shapes(spec, material)
    vertices, normals, triangles = _prism_mesh(spec)
    return [
        sapien.render.RenderShapeTriangleMesh(
            vertices=vertices,
            triangles=triangles,
            normals=normals,
            uvs=np.zeros((len(vertices), 2), np.float32),
            material=material,
        )
    ]


def _gripper_shapes(
    spec: ObjectSpec, material: sapien.render.RenderMaterial
) -> list[sapien.render.RenderShape]:
    """Cup plate, trunk and a nose along +x: a gripper whose turn can be seen."""
    width, depth, height = spec.size
    boxes = (
        ((0.0, 0.0, -0.1 * height), (depth, width, 0.2 * height)),
        ((0.0, 0.0, -0.6 * height), (0.4 * depth, 0.5 * width, 0.8 * height)),
        ((0.7 * depth, 0.0, -0.1 * height), (0.4 * depth, 0.2 * width, 0.1 * height)),
    )
    shapes = []
    for centre, size in boxes:
        shape = sapien.render.RenderShapeBox(np.asarray(size, np.float32) / 2, material)
        shape.local_pose = sapien.Pose(centre)
        shapes.append(shape)
    return shapes


def _prism_mesh(spec: ObjectSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles of a prism, each face with its own corners so that edges stay sharp."""
    count = len(spec.footprint)
    lower, upper = spec.vertices[:count], spec.vertices[count:]
    faces = [
        [lower[i], lower[(i + 1) % count], upper[(i + 1) % count], upper[i]] for i in range(count)
    ]
    faces += [list(lower[::-1]), list(upper)]
    vertices, normals, triangles = [], [], []
    for face, normal in zip(faces, spec.face_normals, strict=True):
        first = len(vertices)
        vertices += face
        normals += [normal] * len(face)
        triangles += [[first, first + k, first + k + 1] for k in range(1, len(face) - 1)]
    return (
        np.asarray(vertices, np.float32),
        np.asarray(normals, np.float32),
        np.asarray(triangles, np.uint32),
    )
